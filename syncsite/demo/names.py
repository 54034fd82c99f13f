"""What invented people are made of, country by country. `#` in a phone number stands for any digit."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Place:
    city: str
    region: str
    zip: str
    """The first part of its postal codes; `#` stands for any digit."""
    phone: str
    """A number in this town, in E.164."""


@dataclass(frozen=True, slots=True)
class Country:
    name: str
    given: tuple[str, ...]
    family: tuple[str, ...]
    places: tuple[Place, ...]
    streets: tuple[str, ...]
    street_form: str
    mobile: str


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


COUNTRIES = (
    Country(
        "United States",
        _words("Emily James Olivia Michael Ava William Sophia Daniel Grace Henry Nora Samuel Zoe Marcus"),
        _words("Anderson Brooks Carter Diaz Edwards Foster Griffin Hayes Jenkins Kelly Morgan O'Brien Reed"),
        (
            Place("New York", "NY", "100##", "+1212555####"),
            Place("San Francisco", "CA", "941##", "+1415555####"),
            Place("Chicago", "IL", "606##", "+1312555####"),
        ),
        ("Maple Street", "Lincoln Avenue", "Lake Road", "2nd Street", "Cedar Court"),
        "{number} {street}",
        "+1646555####",
    ),
    Country(
        "United Kingdom",
        _words("Amelia George Isla Oliver Freya Harry Poppy Arthur Imogen Alfie Harriet Rupert Maisie"),
        _words("Ashworth Bennett Clarke Davies Fletcher Hughes Lambert McKenzie Norris Patel Shah Turner"),
        (
            Place("London", "", "EC1A #BB", "+4420794#####"),
            Place("Manchester", "", "M1 #AE", "+44161496####"),
        ),
        ("High Street", "Station Road", "Church Lane", "Victoria Terrace", "Mill Lane"),
        "{number} {street}",
        "+447400######",
    ),
    Country(
        "Germany",
        _words("Anna Jürgen Lena Björn Katharina Stefan Jörg Sabine Matthias Ute Tobias Käthe Florian Greta"),
        _words("Müller Schmidt Weiß Köhler Bauer Schäfer Vogel Großmann Lange Jäger Fuchs Böhm Krug"),
        (
            Place("Berlin", "", "101##", "+4930#######"),
            Place("München", "", "803##", "+4989#######"),
        ),
        ("Hauptstraße", "Gartenweg", "Lindenallee", "Bahnhofstraße", "Schillerplatz"),
        "{street} {number}",
        "+491512#######",
    ),
    Country(
        "France",
        _words("Camille Élodie Hugo Léa Mathieu Chloé Antoine Zoé François Inès Benoît Margaux Noémie Rémi"),
        _words("Bernard Dubois Lefèvre Moreau Girard Rousseau Fournier Mercier Garnier Chevalier Béranger"),
        (
            Place("Paris", "", "750##", "+33142######"),
            Place("Lyon", "", "690##", "+33478######"),
        ),
        ("rue de la République", "avenue Victor Hugo", "rue des Lilas", "boulevard Voltaire"),
        "{number} {street}",
        "+33612######",
    ),
    Country(
        "Spain",
        _words("Lucía Álvaro Carmen Íñigo Marta Sergio Nuria Pablo Begoña Andrés Rocío Jaime Elena Raúl"),
        _words("García Muñoz Fernández Ibáñez Ortega Castro Delgado Peña Navarro Romero Serrano Vázquez"),
        (
            Place("Madrid", "", "280##", "+3491#######"),
            Place("Barcelona", "", "080##", "+3493#######"),
        ),
        ("Calle Mayor", "Avenida de la Paz", "Calle del Sol", "Plaza Nueva"),
        "{street} {number}",
        "+34612######",
    ),
    Country(
        "Italy",
        _words("Giulia Lorenzo Chiara Matteo Francesca Davide Elisa Niccolò Beatrice Simone Alessia Pietro"),
        _words("Rossi Bianchi Ferrari Esposito Colombo Ricci Marino Greco Conti De_Luca Mancini Barbieri"),
        (
            Place("Roma", "", "001##", "+3906#######"),
            Place("Milano", "", "201##", "+3902#######"),
        ),
        ("Via Garibaldi", "Via Dante", "Corso Italia", "Piazza San Marco"),
        "{street} {number}",
        "+39347#######",
    ),
    Country(
        "Netherlands",
        _words("Sanne Daan Femke Jeroen Lotte Bram Anouk Thijs Marieke Sjoerd Noor Pieter"),
        _words("de_Vries Jansen van_Dijk Bakker Visser Smit Meijer de_Boer van_den_Berg Hendriks Kuipers"),
        (
            Place("Amsterdam", "", "10## AB", "+3120#######"),
            Place("Utrecht", "", "35## CD", "+3130#######"),
        ),
        ("Keizersgracht", "Dorpsstraat", "Molenweg", "Stationsplein"),
        "{street} {number}",
        "+31612######",
    ),
    Country(
        "Sweden",
        _words("Elsa Åsa Gustav Linnéa Oskar Ebba Björn Maja Sören Ylva Nils Karin"),
        _words("Andersson Bergström Åkesson Lindqvist Nyström Öberg Sjöberg Holm Eklund Ström Dahl Wallin"),
        (Place("Stockholm", "", "111 ##", "+468#######"), Place("Göteborg", "", "411 ##", "+4631#######")),
        ("Storgatan", "Drottninggatan", "Kungsvägen", "Björkvägen"),
        "{street} {number}",
        "+4670#######",
    ),
    Country(
        "Portugal",
        _words("Inês João Mariana Tiago Beatriz Gonçalo Leonor Duarte Catarina Simão Matilde Vasco"),
        _words("Silva Gonçalves Araújo Pereira Magalhães Simões Costa Teixeira Falcão Ribeiro Brandão"),
        (Place("Lisboa", "", "1100-###", "+35121#######"), Place("Porto", "", "4000-###", "+35122#######")),
        ("Rua Augusta", "Avenida da Liberdade", "Rua das Flores", "Travessa do Carmo"),
        "{street} {number}",
        "+35191#######",
    ),
)

COMPANY_FIRST = _words(
    "Aurora Bright Cobalt Delta Ember Falcon Granite Harbor Indigo Juniper Keystone Lumen Meridian Northwind "
    "Opal Pioneer Quarry Redwood Summit Tidewater Umbra Vertex Willow Zenith"
)
COMPANY_SECOND = _words("Analytics Bakery Consulting Dental Energy Foods Garden Logistics Media Robotics")
COMPANY_FORMS = ("", " Ltd", " GmbH", " Inc.", " SA", " & Co", " BV")
INDUSTRIES = ("Manufacturing", "Retail", "Health", "Software", "Logistics", "Food", "Education", "Energy")

JOB_TITLES = (
    "Account Manager", "Accountant", "Buyer", "Chief Executive Officer", "Consultant",
    "Controller", "Customer Success Manager", "Designer", "Engineer", "Finance Director", "Founder",
    "Head of Marketing", "Head of Purchasing", "IT Manager", "Office Manager", "Operations Manager", "Owner",
    "Product Manager", "Project Manager", "Sales Director", "Sales Representative", "Store Manager",
)  # fmt: skip
PROMOTIONS = ("Senior ", "Deputy ", "Interim ", "Regional ")

NOTES = (
    "Met at the trade fair in spring; asked for a price list.",
    "Prefers to be called in the morning.",
    "Wants invoices as PDF; copies to accounting.",
    "Speaks English and French.",
    "Recommended by a colleague, very interested in the annual plan.\nCall back after the holidays.",
    "Allergic to nuts; mind the catering.",
    "Decides together with the board: plan for two meetings.",
    "Old customer, came back last year.",
)
