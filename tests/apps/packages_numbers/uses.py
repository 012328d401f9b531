"""One use of each package, with one assertion; most import the package at the first request."""

import io

# Its wheel needs a library of the system, which drydock installs for an import at the start.
import lightgbm as loaded_at_start
import numpy as np

USES = {}


def use(function):
    USES[function.__name__] = function
    return function


@use
def numpy():
    assert np.linalg.inv(np.diag([2.0, 4.0])).trace() == 0.75


@use
def pandas():
    import pandas as pd

    table = pd.read_csv(io.StringIO("day,rain\n2024-03-30,1\n2024-03-31,2\n"), parse_dates=["day"])
    assert table.set_index("day").tz_localize("Europe/Berlin").resample("ME").sum()["rain"].tolist() == [3]


@use
def scipy():
    from scipy import optimize

    assert abs(optimize.brentq(lambda x: x * x - 2, 0, 2) - 2**0.5) < 1e-9


@use
def pillow():
    from PIL import Image, ImageDraw, ImageFont

    picture = Image.new("L", (60, 20))
    ImageDraw.Draw(picture).text((2, 2), "words", fill=255, font=ImageFont.load_default(12))
    file = io.BytesIO()
    picture.save(file, "WEBP", lossless=True)
    assert Image.open(file).convert("L").getbbox() is not None


@use
def scikit_image():
    from skimage import data, filters

    assert 80 < filters.threshold_otsu(data.camera()) < 120


@use
def scikit_learn():
    from sklearn import datasets, linear_model

    features, kinds = datasets.load_iris(return_X_y=True)
    assert linear_model.LogisticRegression(max_iter=500).fit(features, kinds).score(features, kinds) > 0.9


@use
def librosa():
    import librosa

    assert librosa.feature.mfcc(y=np.sin(np.arange(4096) / 8), sr=8000, n_mfcc=13).shape[0] == 13


@use
def soundfile():
    import soundfile

    file = io.BytesIO()
    soundfile.write(file, np.zeros(800), 8000, format="FLAC")
    file.seek(0)
    assert soundfile.info(file).frames == 800


@use
def opencv():
    import cv2

    written, png = cv2.imencode(".png", np.full((4, 4, 3), 200, np.uint8))
    assert written and cv2.imdecode(png, cv2.IMREAD_GRAYSCALE).mean() == 200


@use
def shapely():
    from shapely import Point, wkt

    assert wkt.loads("POLYGON((0 0, 0 2, 2 2, 2 0, 0 0))").contains(Point(1, 1))


@use
def pyproj():
    from pyproj import Transformer

    east, north = Transformer.from_crs("EPSG:4326", "EPSG:25832", always_xy=True).transform(9, 50)
    assert abs(east - 500_000) < 1 and 5_500_000 < north < 5_600_000


@use
def geopandas():
    import geopandas
    from shapely import Point

    places = geopandas.GeoDataFrame({"name": ["here"]}, geometry=[Point(9, 50)], crs="EPSG:4326")
    places.to_file("/tmp/places.gpkg", driver="GPKG")
    assert geopandas.read_file("/tmp/places.gpkg").to_crs(25832).geometry.x.round().tolist() == [500_000]


@use
def matplotlib():
    from matplotlib.figure import Figure

    figure, file = Figure(), io.BytesIO()
    figure.subplots().set_title("rain in $mm^2$")
    figure.savefig(file, format="pdf")
    assert file.getvalue().startswith(b"%PDF")


@use
def seaborn():
    import matplotlib as mpl

    mpl.use("agg")
    import seaborn

    assert len(seaborn.barplot(x=["a", "b"], y=[1, 2]).patches) == 2


@use
def statsmodels():
    import statsmodels.formula.api as formulas

    assert abs(formulas.ols("y ~ x", {"x": [1, 2, 3], "y": [2, 4, 6]}).fit().params["x"] - 2) < 1e-9


@use
def pyarrow():
    import pyarrow as pa
    from pyarrow import parquet

    file = io.BytesIO()
    parquet.write_table(pa.table({"a": [1, 2]}), file, compression="zstd")
    assert parquet.read_table(file)["a"].to_pylist() == [1, 2]


@use
def polars():
    import polars

    rows = polars.LazyFrame({"a": ["x", "y", "x"], "b": [1, 2, 3]}).group_by("a").agg(polars.col("b").sum())
    assert rows.sort("a").collect()["b"].to_list() == [4, 2]


@use
def duckdb():
    import duckdb

    assert duckdb.sql("select sum(range) from range(5)").fetchall() == [(10,)]


@use
def networkx():
    import networkx

    assert networkx.shortest_path(networkx.karate_club_graph(), 0, 33)[0] == 0


@use
def sympy():
    import sympy

    assert sympy.diff(sympy.sympify("x**3"), "x") == sympy.sympify("3*x**2")


@use
def numexpr():
    import numexpr

    assert numexpr.evaluate("a * 2", {"a": np.arange(3)}).tolist() == [0, 2, 4]


@use
def h5py():
    import h5py

    with h5py.File("rows", "w", driver="core", backing_store=False) as file:
        assert file.create_dataset("a", data=[1, 2], compression="gzip")[:].tolist() == [1, 2]


@use
def imageio():
    import imageio.v3

    picture = np.zeros((2, 3, 3), np.uint8)
    assert imageio.v3.imread(imageio.v3.imwrite("<bytes>", picture, extension=".png")).shape == (2, 3, 3)


@use
def tifffile():
    import tifffile

    file = io.BytesIO()
    tifffile.imwrite(file, np.eye(4, dtype=np.uint8))
    file.seek(0)
    assert tifffile.imread(file).trace() == 4


@use
def xarray():
    import xarray

    rain = xarray.DataArray([1, 2, 3], dims="day", coords={"day": [1, 2, 3]})
    assert int(rain.sel(day=slice(2, 3)).sum()) == 5


@use
def onnxruntime():
    import onnxruntime

    assert "CPUExecutionProvider" in onnxruntime.get_available_providers()


@use
def lightgbm():
    rows = np.arange(200.0).reshape(-1, 1)
    model = loaded_at_start.LGBMRegressor(n_estimators=5, verbose=-1).fit(rows, rows[:, 0] > 100)
    assert model.predict(rows)[0] < model.predict(rows)[-1]


@use
def pywavelets():
    import pywt

    assert pywt.idwt(*pywt.dwt([1.0, 2.0, 3.0, 4.0], "db1"), "db1").round(6).tolist() == [1, 2, 3, 4]
