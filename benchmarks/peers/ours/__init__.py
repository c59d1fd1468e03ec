"""This gateway with the site file of this folder."""
