#!/usr/bin/env python3
"""Makes the five font files of this folder from the originals. See README.md for where those come from.

    python3 make_fonts.py /usr/share/fonts/opentype/inter node_modules/@phosphor-icons/web/src
"""

import sys
from pathlib import Path

from fontTools import subset
from fontTools.ttLib import TTFont

HERE = Path(__file__).parent

# Latin, Latin Extended, Greek, Cyrillic, punctuation, currency, arrows, a few maths signs.
TEXT = [
    (0x20, 0x7E), (0xA0, 0x17F), (0x18F, 0x18F), (0x192, 0x192), (0x1A0, 0x1A1), (0x1AF, 0x1B0), (0x1CD, 0x1DC),
    (0x218, 0x21B), (0x2B9, 0x2BC), (0x2C6, 0x2C7), (0x2D8, 0x2DD), (0x300, 0x30C), (0x323, 0x323),
    (0x37E, 0x37E), (0x384, 0x3CE), (0x400, 0x45F), (0x490, 0x491), (0x4B0, 0x4B1), (0x1E80, 0x1E85),
    (0x1E9E, 0x1E9E), (0x1EA0, 0x1EF9), (0x2000, 0x200D), (0x2010, 0x2015), (0x2018, 0x201E), (0x2020, 0x2022),
    (0x2026, 0x2026), (0x202F, 0x202F), (0x2030, 0x2030), (0x2032, 0x2033), (0x2039, 0x203A), (0x2044, 0x2044),
    (0x20A0, 0x20BF), (0x2116, 0x2116), (0x2122, 0x2122), (0x2190, 0x2199), (0x2202, 0x2202), (0x2206, 0x2206),
    (0x2212, 0x2212), (0x221E, 0x221E), (0x2248, 0x2248), (0x2260, 0x2260), (0x2264, 0x2265), (0xFFFD, 0xFFFD),
]

# Digits and what stands between them in times and levels get one width, because egui cannot switch `tnum` on.
TABULAR = "0123456789+−.,:"

ICONS = """
E6F8 E094 E0A0 E026 E036 E038 E058 E06C E0AE E0CE E5E8 E136 E13A E182 E184 E18A EB44 E198 E19A E1A0 E1CA E1FE E208
EAF0 E230 E244 E266 E272 E288 E2A2 E2A6 E584 E2CE E2DE E2E6 E2FA E30C E316 E326 E328 E32A E32C E330 E3C8 E39E E3A0
E3B8 E3BA E3BC E3BE E3C0 E3C6 E3C4 E3D0 E3D4 E3DE E3E8 E3EE E428 E42A E44A E466 E46A E7EA E46C E83C E4C2 E4D6 E4D0
E4E0 E802 E4EA E4F6
"""


def options():
    opts = subset.Options()
    opts.layout_features = ["kern", "ccmp", "locl", "mark", "mkmk"]
    opts.hinting = False
    opts.name_IDs = [0, 1, 2, 3, 4, 5, 6, 13, 14]
    opts.notdef_outline = True
    opts.glyph_names = False
    return opts


def tabular(font):
    """Glyph to glyph, as the font's own `tnum` feature says."""
    table = font["GSUB"].table
    pairs = {}
    for record in table.FeatureList.FeatureRecord:
        if record.FeatureTag != "tnum":
            continue
        for index in record.Feature.LookupListIndex:
            for part in table.LookupList.Lookup[index].SubTable:
                part = getattr(part, "ExtSubTable", part)
                pairs.update(getattr(part, "mapping", {}))
    return pairs


def write(font, unicodes, target):
    subsetter = subset.Subsetter(options())
    subsetter.populate(unicodes=unicodes)
    subsetter.subset(font)
    font.save(target)
    print(f"{target.name}: {target.stat().st_size} bytes, {len(font.getBestCmap())} characters")


def set_side_bearings(font):
    """The originals say that every icon starts at 0, so a renderer that follows the table shifts them to the left."""
    metrics, outlines = font["hmtx"], font["glyf"]
    for name in font.getGlyphOrder():
        advance, _ = metrics[name]
        metrics[name] = (advance, getattr(outlines[name], "xMin", 0))


def text_font(source, target):
    font = TTFont(source)
    pairs = tabular(font)
    for table in font["cmap"].tables:
        for sign in TABULAR:
            glyph = table.cmap.get(ord(sign))
            if glyph in pairs:
                table.cmap[ord(sign)] = pairs[glyph]
    write(font, [c for first, last in TEXT for c in range(first, last + 1)], target)


def main():
    inter, phosphor = Path(sys.argv[1]), Path(sys.argv[2])
    for weight in ("Regular", "SemiBold"):
        text_font(inter / f"Inter-{weight}.otf", HERE / f"Inter-{weight}.otf")
    icons = [int(code, 16) for code in ICONS.split()]
    for folder, name in (("regular", "Phosphor"), ("bold", "Phosphor-Bold"), ("fill", "Phosphor-Fill")):
        font = TTFont(phosphor / folder / f"{name}.ttf")
        set_side_bearings(font)
        write(font, icons, HERE / f"{name}.ttf")


if __name__ == "__main__":
    main()
