from setuptools import find_packages, setup

setup(
    name="shop",
    version="1.2.0",
    packages=find_packages(),
    python_requires=">=3.10,<3.13",
    install_requires=["fastapi", "uvicorn"],
)
