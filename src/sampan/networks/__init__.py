"""Networks: addresses, bridges, published ports."""
