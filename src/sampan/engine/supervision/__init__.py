"""What goes on when no command runs: exits are recorded, containers restarted, health checks made."""
