"""Names for what the pictures show: classes, their synonyms and kinds, and sentences around them."""

from __future__ import annotations

from collections import Counter

from open_clip.zero_shot_metadata import IMAGENET_CLASSNAMES
from timm.data import ImageNetInfo

from search.query.paraphrase import forms

TEMPLATES = (
    "{}",
    "a photo of {a}",
    "a photo of the {}",
    "a picture of {a}",
    "an image of {a}",
    "a close-up photo of {a}",
    "a photo of a small {}",
    "a photo of one {}",
    "a good photo of {a}",
    "there is {a} in the scene",
    "{a}",
    "the {}",
)
PRODUCT_TEMPLATES = (
    "{}",
    "a photo of {}",
    "a photo of {a}",
    "{a}",
    "a product photo of {}",
    "{} on a white background",
    "a picture of {a}",
)

# Kinds of things, as people call them, and the ImageNet classes of each (numbers; "a-b" includes both).
KINDS = {
    "fish": "0-6 389-397",
    "shark": "2-4",
    "bird": "7-24 80-100 127-146",
    "duck": "97-98",
    "owl": "24",
    "parrot": "87-90",
    "frog": "30-32",
    "turtle": "33-37",
    "lizard": "38-48",
    "crocodile": "49-50",
    "snake": "52-68",
    "spider": "72-77",
    "insect": "300-320",
    "beetle": "300-307",
    "butterfly": "321-326",
    "dog": "151-268",
    "terrier": "179-200",
    "puppy": "151-268",
    "cat": "281-285",
    "kitten": "281-285",
    "big cat": "286-293",
    "wolf": "269-272",
    "fox": "277-280",
    "bear": "294-297",
    "rabbit": "330-332",
    "horse": "339",
    "cow": "345-347",
    "sheep": "348-350",
    "monkey": "369-382",
    "ape": "365-368",
    "elephant": "385-386 101",
    "whale": "147-148",
    "animal": "0-397",
    "crab": "118-121",
    "car": "436 468 511 609 627 656 661 751 817",
    "truck": "555 569 675 717 864 867",
    "bus": "654 779 874",
    "train": "466 547 820",
    "boat": "472 484 554 576 625 814 871 914",
    "ship": "510 628 724 780 833",
    "airplane": "404 895 908",
    "bicycle": "444 671",
    "motorcycle": "665 670",
    "rocket": "657 744",
    "guitar": "402 546",
    "piano": "579 881",
    "musical instrument": "401 402 432 486 513 546 558 566 579 593 594 642 683 684 699 776 875 881 889",
    "chair": "423 559 765",
    "sofa": "831",
    "couch": "831",
    "bed": "520 564",
    "furniture": "423 453 493 495 516 520 532 553 559 564 765 831 846 857 894",
    "table": "532 736 526",
    "lamp": "846 619",
    "clock": "409 530 892",
    "watch": "531",
    "shoes": "502 514 630 770 774",
    "hat": "439 515 808",
    "computer": "527 590 620 681",
    "telephone": "487 528 707",
    "camera": "732 759",
    "bag": "414 636 748",
    "cup": "504 968 967",
    "cup of coffee": "967 504",
    "coffee": "967",
    "cup of tea": "968",
    "bottle": "440 720 737 898 899 907",
    "bowl": "659 809",
    "knife": "499 623",
    "ball": "429 430 522 574 722 747 768 805 852 890",
    "church": "497",
    "building": "425 437 449 483 497 498 580 624 663 668 698 832",
    "bridge": "718 821 839 888",
    "fruit": "948-957",
    "apple": "948",
    "vegetables": "936-945",
    "food": "924-935 959-965",
    "bread": "930-932",
    "drink": "966 967 969",
    "flower": "985-986",
    "mushroom": "947 992-997",
    "mountain": "970 980",
    "beach": "978 977",
    "lake": "975",
}

# The ten kinds of clothes of the clothing set, each with what else people call them.
CLOTHES = {
    "t-shirt": ("t-shirt", "tee shirt", "short-sleeved t-shirt", "tshirt"),
    "pants": ("pants", "trousers", "jeans", "long pants"),
    "longsleeve": ("longsleeve", "long sleeve shirt", "long-sleeved top", "sweater", "longsleeve t-shirt"),
    "shirt": ("shirt", "button-up shirt", "dress shirt", "collared shirt"),
    "dress": ("dress", "woman's dress"),
    "shoes": ("shoes", "pair of shoes", "footwear", "sneakers"),
    "outwear": ("outwear", "outerwear", "jacket", "coat", "outdoor jacket"),
    "shorts": ("shorts", "pair of shorts", "short pants"),
    "skirt": ("skirt", "woman's skirt"),
    "hat": ("hat", "cap", "headwear"),
}

# Article types that lose more than a final s when there is only one.
SINGULAR = {
    "Tshirts": "t-shirt",
    "Dresses": "dress",
    "Sunglasses": "pair of sunglasses",
    "Watches": "watch",
    "Clutches": "clutch bag",
    "Scarves": "scarf",
    "Briefs": "pair of briefs",
    "Shorts": "pair of shorts",
    "Jeans": "pair of jeans",
    "Trousers": "pair of trousers",
    "Leggings": "pair of leggings",
    "Capris": "pair of capri pants",
    "Stockings": "pair of stockings",
    "Innerwear Vests": "undershirt",
    "Night suits": "pyjamas",
    "Perfume and Body Mist": "perfume bottle",
    "Necklace and Chains": "necklace",
}


VARIANTS = (
    "{}",
    "{}",
    "{a}",
    "the {}",
    "{s}",
    "a photo of {a}",
    "a photo of {s}",
    "a picture of {a}",
    "photo of {}",
)
"""Ways in which people ask for one thing; {s} stands for the plural. The bare name counts twice."""


def variants(name: str) -> list[str]:
    """Give the ways in which people ask for a thing by its name, the bare name first."""
    return [sentence(template, name) for template in VARIANTS]


def sentence(template: str, name: str) -> str:
    """Put a name into a template, where {a} stands for the name with its article and {s} for its plural."""
    _, one, many = forms(name)
    return template.format(name, a=one, s=many)


def imagenet_names() -> list[tuple[str, ...]]:
    """Give the names of the 1,000 classes, the best first; no name belongs to two classes."""
    info = ImageNetInfo()
    found = []
    for number, curated in enumerate(IMAGENET_CLASSNAMES):
        lemmas = info.index_to_description(number).split(", ")
        found.append(tuple(dict.fromkeys([curated, *lemmas])))
    count = Counter(name.lower() for names in found for name in set(names))
    return [tuple(n for n in names if count[n.lower()] == 1) or names[:1] for names in found]


def imagenet_glosses() -> list[str]:
    """Give the dictionary definition of each class."""
    info = ImageNetInfo()
    return [info.index_to_description(number, detailed=True) for number in range(1000)]


def kind_members() -> dict[str, list[int]]:
    """Give the ImageNet classes of each kind."""
    members = {}
    for kind, ranges in KINDS.items():
        numbers: list[int] = []
        for part in ranges.split():
            first, _, last = part.partition("-")
            numbers.extend(range(int(first), int(last or first) + 1))
        members[kind] = numbers
    return members


def article_names(article: str) -> tuple[str, ...]:
    """Give the names of an article type of the fashion set."""
    plain = article.replace(" and ", " or ")
    single = SINGULAR.get(article, plain.removesuffix("s"))
    return tuple(dict.fromkeys([article, plain.lower(), single.lower()]))


def product_sentences(row: dict[str, str]) -> list[str]:
    """Describe a product of the fashion set from its attributes, in several ways."""
    who = {"Men": "men's ", "Women": "women's ", "Boys": "boys' ", "Girls": "girls' "}.get(row["gender"], "")
    colour = "" if row["baseColour"] == "NA" else row["baseColour"].lower() + " "
    name = article_names(row["articleType"])
    usage = "" if row["usage"] in ("NA", "") else row["usage"].lower()
    return [
        f"a photo of {colour}{who}{name[0].lower()}, {usage}".rstrip(", "),
        f"{colour}{name[-1]}",
        f"{who}{colour}{name[0].lower()}",
        f"a {colour}{name[-1]} for {row['gender'].lower()}",
        f"{usage} {colour}{name[0].lower()}".strip(),
    ]
