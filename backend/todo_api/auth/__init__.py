"""Authentication: bearer tokens checked against the issuer's public keys."""
