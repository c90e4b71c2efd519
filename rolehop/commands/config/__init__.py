"""``rolehop config``: check the config, write a first one, make one of other tools' files."""
