"""Who is asking: bearer tokens checked against the issuer's public keys."""
