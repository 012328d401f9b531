"""Makes the first rows."""

print("seeded")
