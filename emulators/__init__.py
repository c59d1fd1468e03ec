"""Devices and upstreams to test against, with an encoder of their own."""
