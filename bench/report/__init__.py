"""Reports of stored runs. Only here are numbers rounded and shown with units for people."""
