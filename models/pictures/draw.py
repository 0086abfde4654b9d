#!/usr/bin/python3
"""Draws the ten pictures in test/: one for each class of CIFAR-10, 32x32, from plain shapes.

usage: models/pictures/draw.py [OUT_DIR]        needs Debian's python3-pil

They belong to no data set. The tests pin what the shipped networks make of them.
"""
import os
import sys

from PIL import Image, ImageDraw, ImageFilter

SCALE = 16  # drawn at 512x512 and reduced, so edges are smooth


def canvas(top, bottom, horizon=32):
    """A picture with a sky that fades from `top` to the horizon, and ground below it."""
    image = Image.new("RGB", (32 * SCALE, 32 * SCALE), bottom)
    draw = ImageDraw.Draw(image)
    for y in range(horizon * SCALE):
        share = y / (horizon * SCALE)
        draw.line([(0, y), (32 * SCALE, y)],
                  tuple(int(a + (255 - a) * 0.4 * share) for a in top))
    return image, draw


def at(*points):
    return [(x * SCALE, y * SCALE) for x, y in points]


def box(x0, y0, x1, y1):
    return [x0 * SCALE, y0 * SCALE, x1 * SCALE, y1 * SCALE]


def airplane():
    image, d = canvas((90, 150, 220), (90, 150, 220))
    d.polygon(at((3, 16), (6, 14), (25, 14), (30, 16), (25, 18), (6, 18)), (225, 228, 235))
    d.polygon(at((13, 15), (9, 5), (12, 5), (19, 15)), (190, 195, 205))
    d.polygon(at((13, 17), (9, 27), (12, 27), (19, 17)), (170, 175, 185))
    d.polygon(at((4, 15), (2, 10), (5, 10), (8, 15)), (200, 60, 60))
    for x in range(10, 25, 2):
        d.ellipse(box(x, 15.2, x + 0.9, 16.1), (60, 80, 110))
    return image


def automobile():
    image, d = canvas((170, 190, 210), (95, 95, 98), 20)
    d.polygon(at((9, 14), (12, 9), (21, 9), (25, 14)), (150, 25, 30))
    d.polygon(at((11, 13.5), (13, 10), (16.2, 10), (16.2, 13.5)), (190, 215, 230))
    d.polygon(at((17, 13.5), (17, 10), (20.5, 10), (23, 13.5)), (190, 215, 230))
    d.rounded_rectangle(box(3, 13.5, 29, 21), 2 * SCALE, (185, 30, 35))
    for x in (6, 21):
        d.ellipse(box(x, 17, x + 6, 23), (25, 25, 28))
        d.ellipse(box(x + 1.8, 18.8, x + 4.2, 21.2), (170, 170, 175))
    d.rectangle(box(27.5, 15, 29, 16.5), (255, 235, 150))
    return image


def bird():
    image, d = canvas((150, 190, 150), (110, 150, 90), 26)
    d.rectangle(box(0, 25, 32, 26.5), (105, 75, 50))
    d.ellipse(box(8, 11, 22, 22), (140, 95, 60))
    d.ellipse(box(18, 6, 26, 14), (150, 100, 65))
    d.polygon(at((25, 9), (30, 10.5), (25, 12)), (235, 170, 50))
    d.polygon(at((9, 15), (1, 21), (3, 23), (11, 20)), (95, 65, 45))
    d.ellipse(box(10, 13, 19, 20), (110, 75, 50))
    d.ellipse(box(21.5, 8, 23.2, 9.7), (15, 15, 15))
    d.line(at((13, 21), (13, 25)), (200, 140, 60), SCALE // 2)
    d.line(at((17, 21), (17, 25)), (200, 140, 60), SCALE // 2)
    return image


def cat():
    image, d = canvas((200, 180, 160), (170, 140, 115), 24)
    d.polygon(at((7, 13), (7, 2), (14, 8)), (120, 115, 110))
    d.polygon(at((25, 13), (25, 2), (18, 8)), (120, 115, 110))
    d.ellipse(box(6, 6, 26, 24), (140, 135, 128))
    d.ellipse(box(9, 19, 23, 34), (130, 125, 118))
    for x in (10.5, 18.5):
        d.ellipse(box(x, 12, x + 3.4, 15.4), (180, 200, 90))
        d.ellipse(box(x + 1.2, 12.2, x + 2.2, 15.2), (10, 10, 10))
    d.polygon(at((15, 17), (17, 17), (16, 18.3)), (215, 140, 140))
    for y in (18, 19.2):
        d.line(at((13, y), (5, y + 1)), (230, 230, 230), SCALE // 4)
        d.line(at((19, y), (27, y + 1)), (230, 230, 230), SCALE // 4)
    for x in (13, 16, 19):
        d.line(at((x, 6.5), (x, 10)), (85, 80, 78), SCALE // 2)
    return image


def deer():
    image, d = canvas((175, 195, 150), (120, 140, 75), 20)
    d.ellipse(box(6, 12, 22, 21), (155, 105, 65))
    for x in (8, 11, 17, 20):
        d.rectangle(box(x, 19, x + 1.2, 29), (130, 85, 50))
    d.polygon(at((18, 15), (22, 6), (25, 7), (22, 17)), (155, 105, 65))
    d.polygon(at((22, 5), (29, 8), (28, 10), (22, 9)), (145, 98, 60))
    for dx in (0, 2.5):
        d.line(at((23 + dx * 0.4, 5.5), (21 + dx, 1), (23 + dx, 2.5)), (95, 70, 50), SCALE // 2)
        d.line(at((22 + dx * 0.7, 3.2), (19.5 + dx * 1.6, 0.5)), (95, 70, 50), SCALE // 2)
    d.ellipse(box(5, 13, 8, 16), (240, 235, 225))
    d.ellipse(box(24.4, 6.6, 25.3, 7.5), (10, 10, 10))
    return image


def dog():
    image, d = canvas((165, 185, 200), (150, 170, 110), 23)
    d.ellipse(box(8, 17, 24, 35), (175, 130, 80))
    d.ellipse(box(8, 4, 24, 22), (190, 145, 95))
    d.ellipse(box(4, 5, 10, 19), (110, 75, 45))
    d.ellipse(box(22, 5, 28, 19), (110, 75, 45))
    d.ellipse(box(11.5, 13, 20.5, 21.5), (225, 195, 155))
    d.ellipse(box(14, 13.5, 18, 16.5), (25, 22, 22))
    for x in (11.5, 18.5):
        d.ellipse(box(x, 9, x + 2.2, 11.2), (20, 18, 18))
    d.pieslice(box(14.5, 16.5, 17.5, 22), 0, 180, (215, 100, 110))
    return image


def frog():
    image, d = canvas((110, 125, 80), (100, 90, 60), 16)
    d.ellipse(box(5, 12, 27, 27), (95, 150, 60))
    d.ellipse(box(2, 18, 10, 28), (80, 130, 50))
    d.ellipse(box(22, 18, 30, 28), (80, 130, 50))
    for x in (7, 18):
        d.ellipse(box(x, 7, x + 7, 14), (105, 160, 65))
        d.ellipse(box(x + 1.8, 8.5, x + 5.4, 12.1), (225, 205, 80))
        d.ellipse(box(x + 2.8, 9.4, x + 4.4, 11), (15, 15, 15))
    d.arc(box(9, 13, 23, 22), 15, 165, (55, 90, 35), SCALE // 2)
    d.ellipse(box(11, 20, 21, 27), (190, 205, 130))
    return image


def horse():
    image, d = canvas((150, 190, 225), (105, 150, 70), 21)
    d.ellipse(box(6, 12, 23, 20.5), (110, 65, 40))
    for x in (7.5, 10.5, 18, 20.5):
        d.rectangle(box(x, 18, x + 1.7, 29), (95, 55, 33))
    d.polygon(at((18, 15), (21, 5), (25, 6), (23, 17)), (110, 65, 40))
    d.polygon(at((21, 4), (29, 9), (28, 11.5), (22, 9)), (105, 60, 37))
    d.polygon(at((18, 14), (20, 4), (22, 4), (20.5, 14)), (40, 25, 20))
    d.polygon(at((7, 13), (2, 19), (2.5, 26), (5, 18)), (40, 25, 20))
    d.polygon(at((21.5, 4.5), (22, 2), (23.5, 4.8)), (110, 65, 40))
    return image


def ship():
    image, d = canvas((150, 195, 230), (40, 85, 140), 19)
    d.polygon(at((2, 17), (30, 17), (26, 24), (6, 24)), (55, 60, 75))
    d.rectangle(box(2.6, 17, 29.4, 18.2), (200, 50, 45))
    d.rectangle(box(9, 11, 22, 17), (240, 240, 242))
    d.rectangle(box(12, 7, 17, 11), (225, 226, 230))
    d.rectangle(box(18, 5, 20.5, 11), (205, 65, 50))
    for x in range(10, 22, 3):
        d.rectangle(box(x, 13, x + 1.4, 14.6), (70, 95, 130))
    for y in (26, 29):
        d.line(at((1, y), (9, y - 0.7), (17, y), (25, y - 0.7), (31, y)), (120, 160, 200),
               SCALE // 3)
    return image


def truck():
    image, d = canvas((185, 200, 215), (105, 105, 108), 22)
    d.rectangle(box(2, 6, 20, 21), (235, 235, 232))
    d.polygon(at((21, 10), (26, 10), (29, 15), (29, 21), (21, 21)), (40, 90, 165))
    d.polygon(at((22.5, 11), (25.5, 11), (27.5, 15), (22.5, 15)), (190, 215, 230))
    d.rectangle(box(2, 20, 29, 22), (60, 62, 66))
    for x in (4, 11, 22.5):
        d.ellipse(box(x, 19.5, x + 5, 24.5), (25, 25, 28))
        d.ellipse(box(x + 1.6, 21.1, x + 3.4, 22.9), (160, 160, 165))
    d.rectangle(box(4, 10, 18, 13), (200, 80, 50))
    return image


def main():
    out = sys.argv[1] if len(sys.argv) > 1 else os.path.dirname(os.path.abspath(__file__))
    for draw in (airplane, automobile, bird, cat, deer, dog, frog, horse, ship, truck):
        folder = os.path.join(out, "test", draw.__name__)
        os.makedirs(folder, exist_ok=True)
        image = draw().filter(ImageFilter.GaussianBlur(SCALE / 3)).resize((32, 32), Image.BOX)
        image.save(os.path.join(folder, draw.__name__ + ".png"), optimize=True)


if __name__ == "__main__":
    main()
