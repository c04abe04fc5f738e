"""The attack on a release: can anything that it withholds be found from what it publishes?

The attacker holds every published table, earlier releases, the populations, the suppression rules
and the weights. He is given more than a real one would have: which combinations of stratum and
breakdowns occur among respondents. Two attacks, `subtraction` and `programming`, bound every
withheld figure; one whose bounds are too close counts as recovered.
"""
