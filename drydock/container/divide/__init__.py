"""Write down what is served, make two layers of an application's files, and list what its code imports."""
