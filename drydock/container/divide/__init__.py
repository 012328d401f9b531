"""Write serve.json, divide an application's files into two layers, and list its imports."""
