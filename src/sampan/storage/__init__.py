"""Content, tars, layers, snapshots, the database and leases: what sampan keeps on disk."""
