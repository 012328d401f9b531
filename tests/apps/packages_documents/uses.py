"""One use of each package, with one assertion; most import the package at the first request."""

import io

# Its wheel needs libraries of the system, which drydock installs for an import at the start.
import weasyprint as loaded_at_start

USES = {}
PAGE = "<ul class=a><li>one<li>two</ul>"


def use(function):
    USES[function.__name__] = function
    return function


def pdf():
    from fpdf import FPDF

    made = FPDF()
    made.add_page()
    made.set_font("helvetica", size=12)
    made.cell(text="forty-two")
    return io.BytesIO(made.output())


def again(save, load):
    """Save into a file in memory, and load it again."""
    file = io.BytesIO()
    save(file)
    file.seek(0)
    return load(file)


@use
def lxml():
    from lxml import etree, html, isoschematron

    rules = isoschematron.__file__.replace("__init__.py", "resources/xsl/RNG2Schtrn.xsl")
    assert etree.XSLT(etree.parse(rules)) and html.fromstring(PAGE).xpath("//li/text()") == ["one", "two"]


@use
def beautifulsoup4():
    from bs4 import BeautifulSoup

    assert [BeautifulSoup(PAGE, parser).li.text for parser in ("lxml", "html5lib")] == ["one", "one"]


@use
def html5lib():
    import html5lib

    assert "<li>one<li>two" in html5lib.serialize(html5lib.parse(PAGE), tree="etree")


@use
def spacy():
    import spacy

    words = spacy.blank("de")
    words.add_pipe("sentencizer")
    assert len(list(words("Dr. Meier kommt z.B. heute. Er geht.").sents)) == 2


@use
def tiktoken():
    import tiktoken

    ranks = {bytes([byte]): byte for byte in range(256)} | {b"ab": 256}
    encoding = tiktoken.Encoding("own", pat_str=r"\w+|\W", mergeable_ranks=ranks, special_tokens={"<end>": 257})
    assert encoding.encode("ab<end>", allowed_special="all") == [256, 257]


@use
def nltk():
    from nltk import stem, tokenize

    assert [stem.PorterStemmer().stem(word) for word in tokenize.wordpunct_tokenize("running, cats")] == [
        "run",
        ",",
        "cat",
    ]


@use
def sentencepiece():
    import sentencepiece

    lines = iter(["one two three", "two three four", "three four five"])
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=lines, model_writer=model, vocab_size=20, hard_vocab_limit=False, minloglevel=2
    )
    assert sentencepiece.SentencePieceProcessor(model_proto=model.getvalue()).encode("two three")


@use
def tokenizers():
    from tokenizers import Tokenizer, models, pre_tokenizers

    words = Tokenizer(models.WordLevel({"one": 0, "two": 1, "?": 2}, unk_token="?"))
    words.pre_tokenizer = pre_tokenizers.Whitespace()
    assert words.encode("one two six").ids == [0, 1, 2]


@use
def reportlab():
    from reportlab.graphics.barcode import code128
    from reportlab.pdfbase import pdfmetrics
    from reportlab.pdfbase.ttfonts import TTFont
    from reportlab.pdfgen import canvas

    def save(file):
        page = canvas.Canvas(file)
        pdfmetrics.registerFont(TTFont("Vera", "Vera.ttf"))
        page.setFont("Vera", 12)
        page.drawString(50, 50, "words")
        code128.Code128("42").drawOn(page, 50, 100)
        page.save()

    assert again(save, lambda file: file.read(4)) == b"%PDF"


@use
def weasyprint():
    assert len(loaded_at_start.HTML(string=f"<h1>Größe</h1>{PAGE}").render().pages) == 1


@use
def pypdf():
    from pypdf import PdfReader

    assert "forty-two" in PdfReader(pdf()).pages[0].extract_text()


@use
def pdfplumber():
    import pdfplumber

    with pdfplumber.open(pdf()) as file:
        assert "forty-two" in file.pages[0].extract_text()


@use
def pymupdf():
    import pymupdf

    assert pymupdf.open(stream=pdf(), filetype="pdf")[0].get_pixmap(dpi=36).width > 200


@use
def fpdf2():
    assert pdf().read(4) == b"%PDF"


@use
def python_docx():
    import docx

    document = docx.Document()
    document.add_heading("words", level=1)
    assert again(document.save, docx.Document).paragraphs[0].style.name == "Heading 1"


@use
def python_pptx():
    from pptx import Presentation

    slides = Presentation()
    slides.slides.add_slide(slides.slide_layouts[0]).shapes.title.text = "words"
    assert again(slides.save, Presentation).slides[0].shapes.title.text == "words"


@use
def openpyxl():
    import openpyxl

    book = openpyxl.Workbook()
    book.active.append([1, "=A1*2"])
    assert again(book.save, openpyxl.load_workbook).active["B1"].value == "=A1*2"


@use
def xlsxwriter():
    import xlsxwriter

    def save(file):
        with xlsxwriter.Workbook(file, {"in_memory": True}) as book:
            book.add_worksheet().write(0, 0, 42)

    assert again(save, lambda file: file.read(2)) == b"PK"


@use
def markdown():
    import markdown

    assert "<table>" in markdown.markdown("a | b\n- | -\n1 | 2", extensions=["extra", "codehilite", "toc"])


@use
def mistune():
    import mistune

    assert mistune.create_markdown(plugins=["strikethrough"])("~~a~~") == "<p><del>a</del></p>\n"


@use
def docutils():
    from docutils.core import publish_string

    page = publish_string("Words\n=====\n\n*one*\n", writer="html5", settings_overrides={"language_code": "de"})
    assert b"<em>one</em>" in page and b"<style" in page


@use
def jinja2():
    from jinja2 import Environment

    assert Environment(autoescape=True, enable_async=True).from_string("{{ a | upper }}").render(a="<") == "&lt;"


@use
def pyyaml():
    import yaml

    assert yaml.load("day: 2024-03-30", Loader=yaml.CSafeLoader)["day"].day == 30


@use
def ruamel_yaml():
    from ruamel.yaml import YAML

    text = "a: 1 # one\n"
    yaml = YAML()
    assert again(lambda file: yaml.dump(yaml.load(text), file), lambda file: file.read().decode()) == text


@use
def tomlkit():
    import tomlkit

    assert tomlkit.dumps(tomlkit.parse("a = 1 # one\n")) == "a = 1 # one\n"


@use
def orjson():
    import orjson

    assert orjson.loads(orjson.dumps({"a": "ü"}, option=orjson.OPT_INDENT_2)) == {"a": "ü"}


@use
def msgpack():
    import msgpack

    assert msgpack.unpackb(msgpack.packb({"a": [1, b"2"]})) == {"a": [1, b"2"]}


@use
def rapidfuzz():
    from rapidfuzz import process

    assert process.extractOne("biuld", ["build", "push"])[0] == "build"


@use
def regex():
    import regex

    assert regex.findall(r"\p{Script=Greek}+", "alpha αβγ") == ["αβγ"]


@use
def charset_normalizer():
    from charset_normalizer import from_bytes

    assert str(from_bytes("Größe und Straße, schöne Grüße".encode("utf-16")).best()).startswith("Größe")


@use
def babel():
    from babel import dates

    assert dates.get_timezone_name("Europe/Berlin", locale="fr") == "heure d’Europe centrale"


@use
def qrcode():
    import qrcode

    assert again(qrcode.make("words").save, lambda file: file.read(4)) == b"\x89PNG"


@use
def python_barcode():
    import barcode
    from barcode.writer import ImageWriter

    assert again(barcode.get("ean13", "590123412345", ImageWriter()).write, lambda file: file.read(4)) == b"\x89PNG"


@use
def feedparser():
    import feedparser

    assert feedparser.parse("<rss><channel><item><title>one</title></item></channel></rss>").entries[0].title == "one"


@use
def nh3():
    import nh3

    assert nh3.clean("<b>a</b><script>b</script>") == "<b>a</b>"


@use
def pygments():
    from pygments import formatters, highlight, lexers, styles

    style = styles.get_style_by_name("monokai")
    assert "<span" in highlight("def a(): ...", lexers.get_lexer_by_name("python"), formatters.HtmlFormatter(style=style))


@use
def jsonschema():
    import jsonschema

    schema = {"$schema": "https://json-schema.org/draft/2019-09/schema", "type": "object", "required": ["a"]}
    assert [error.validator for error in jsonschema.validators.validator_for(schema)(schema).iter_errors({})] == [
        "required"
    ]


@use
def phonenumbers():
    import phonenumbers
    from phonenumbers import geocoder

    assert geocoder.description_for_number(phonenumbers.parse("+49 30 123456"), "de") == "Berlin"


@use
def python_slugify():
    from slugify import slugify

    assert slugify("Größe & Straße") == "grosse-strasse"


@use
def dateparser():
    import dateparser

    assert dateparser.parse("30. März 2024", languages=["de"]).month == 3


@use
def pendulum():
    import pendulum

    assert pendulum.datetime(2024, 3, 31, tz="Europe/Berlin").format("dddd", locale="fr") == "dimanche"
