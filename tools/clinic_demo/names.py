"""Words to make fictional people and places of: English and French."""

FIRST_NAMES = {
    "en": {
        "f": (
            "Abigail Alice Amber Anna Audrey Beth Brooke Carmen Carol Claire Daisy "
            "Diana Edith Elena Ella Emma Erin Eva Fiona Grace Hannah Hazel Helen "
            "Holly Irene Ivy Jade Jane Joan Judy Julia Kate Keisha Laura Leah Lily "
            "Lucy Mabel Maria Martha Maya Megan Mia Nadia Naomi Nina Nora Olivia "
            "Paige Priya Rachel Rita Rosa Ruth Sadie Sarah Sofia Stella Tessa Vera"
        ).split(),
        "m": (
            "Aaron Adam Alan Andre Arthur Ben Blake Brian Caleb Carl Colin Daniel "
            "David Dean Diego Edgar Eli Eric Ethan Felix Frank Gavin George Grant "
            "Henry Hugo Ian Isaac Jack James Jason Joel John Jorge Kenji Kevin Kyle "
            "Leo Liam Luis Marcus Mark Martin Miles Noah Omar Oscar Owen Paul Peter "
            "Raj Ryan Samuel Scott Simon Steve Theo Thomas Victor Walter"
        ).split(),
    },
    "fr": {
        "f": (
            "Adèle Agathe Alexia Amélie Anaïs Annie Aurélie Béatrice Brigitte Camille "
            "Céline Chantal Charlotte Chloé Claudine Colette Coralie Danielle Delphine "
            "Élise Éloïse Émilie Florence Françoise Frédérique Geneviève Ginette "
            "Hélène Isabelle Jeanne Joëlle Josée Juliette Karine Léa Lucie Manon "
            "Marguerite Marie-Ève Maude Mélanie Mireille Nathalie Noémie Océane "
            "Pauline Rosalie Sylvie Véronique Zoé"
        ).split(),
        "m": (
            "Adrien Alexis Antoine Arnaud Aurélien Benoît Bernard Bruno Cédric "
            "Christian Claude Clément Cyril Damien Denis Édouard Émile Étienne Fabien "
            "François Frédéric Gaël Gaston Gilles Grégoire Guy Hervé Hugo Jean-Luc "
            "Jérôme Jules Laurent Léon Loïc Luc Marcel Mathieu Maxime Michel Nicolas "
            "Noël Olivier Pascal Philippe Raphaël Rémi Sébastien Stéphane Tristan Yves"
        ).split(),
    },
}

LAST_NAMES = {
    "en": (
        "Abbott Adler Bailey Barnes Bishop Brooks Byrne Calloway Chandra Chen Cole "
        "Cooper Cruz Dalton Dawson Delgado Ellis Farrow Fisher Flores Foster Garner "
        "Gibson Goldberg Hale Harmon Hayes Holloway Hughes Ingram Jacobs Jennings "
        "Katz Kaur Keller Kowalski Lambert Lopez Mancini Marsh Mercer Mitchell Moreno "
        "Nakamura Novak Okafor Ortiz Osborne Palmer Park Patel Pierce Porter Quinn "
        "Ramirez Reyes Rosen Russo Salazar Sawyer Shaw Silva Singh Spencer Sullivan "
        "Tanaka Thornton Turner Vance Vasquez Walsh Warren Weaver Webb Whitaker Yates"
    ).split(),
    "fr": (
        "Allard Arsenault Beaudoin Beaulieu Bélanger Bergeron Bernier Bolduc Boucher "
        "Bouchard Brisson Caron Chartier Cloutier Côté Demers Deschênes Desjardins "
        "Dionne Drouin Dubé Dufour Dumont Fontaine Fortin Gagné Gagnon Gaudreau "
        "Gauthier Giroux Gosselin Goulet Hébert Huard Jalbert Labelle Lachance Lacroix "
        "Laflamme Lapointe Larivière Lavoie Leblanc Leclerc Lefebvre Lemieux Lessard "
        "Lévesque Mercier Michaud Morin Nadeau Ouellet Paquette Paradis Pelletier "
        "Perron Plante Poirier Poulin Proulx Racine Renaud Rivard Rousseau Savard "
        "Simard Tardif Thibault Tremblay Trudel Turcotte Vachon Vaillancourt Villeneuve"
    ).split(),
}

# Of (street name, city, postal code pattern): "#" is a digit.
PLACES = {
    "US": {
        "streets": (
            "Harbor Street,Linden Avenue,Maple Court,Orchard Lane,Sutton Place,"
            "Willow Street,Carroll Terrace,Juniper Road,Garfield Walk,Prospect Mews,"
            "Beacon Row,Chestnut Way,Fulton Gardens,Hudson Steps,Kingsland Road"
        ).split(","),
        "towns": (("New York", "100##"), ("Brooklyn", "112##"), ("Astoria", "111##")),
        "state": "NY",
        "areas": ("212", "646", "718", "917", "347", "929"),
        "country_code": "+1",
    },
    "CA": {
        "streets": (
            "rue des Érables,rue du Marché,avenue des Pins-Gris,rue de la Rivière,"
            "boulevard des Prairies,rue Saint-Anselme,avenue du Verger,"
            "rue des Tanneurs,"
            "place de l'Horloge,rue du Moulin,avenue Beaumarchais,chemin du Lac"
        ).split(","),
        "towns": (
            ("Montréal", "H2X #Y#"),
            ("Laval", "H7N #B#"),
            ("Longueuil", "J4K #T#"),
        ),
        "state": "QC",
        "areas": ("514", "438", "450", "579"),
        "country_code": "+1",
    },
}

# Reserved for documentation: nothing sent there can reach anybody.
MAIL_DOMAINS = ("example.com", "example.org", "example.net")

# What patients write when they answer an e-mail.
REPLIES = {
    "en": (
        "Thanks for the reminder! Do you have something in the late afternoon?",
        "Hello, yes, please call me to set a date.",
        "It has been too long indeed. Any morning next week works for me.",
    ),
    "fr": (
        "Merci du rappel ! Auriez-vous une place en fin d'après-midi ?",
        "Bonjour, oui, appelez-moi pour fixer une date.",
        "Cela fait trop longtemps en effet. N'importe quel matin me convient.",
    ),
}

# What a mailbox says by itself.
ABSENCES = {
    "en": ("I am out of the office until Monday and will read your message then.",),
    "fr": ("Je suis absent jusqu'à lundi et lirai votre message à mon retour.",),
}
