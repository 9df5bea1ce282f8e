"""edgefake as a service of systemd: the unit, how it is installed, and what it tells systemd while it runs."""
