"""Faults on purpose: what is published, landed and archived must survive each of them."""
