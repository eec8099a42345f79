"""The engine's settings: what is in force when nobody says otherwise. From files of TOML, read by whom they concern."""
