"""Make two layers of an application's files, and list what its code imports and opens."""
