import anyio

anyio.run(anyio.sleep, 1)
