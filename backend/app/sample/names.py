"""The words that sample data is made of."""

# City, the beginning of its postal codes.
CITIES = (
    ("Pune", "4110"), ("Mumbai", "4000"), ("Nagpur", "4400"), ("Nashik", "4220"), ("Bengaluru", "5600"),
    ("Mysuru", "5700"), ("Hyderabad", "5000"), ("Chennai", "6000"), ("Kochi", "6820"), ("Jaipur", "3020"),
    ("Udaipur", "3130"), ("Ahmedabad", "3800"), ("Surat", "3950"), ("Indore", "4520"), ("Bhopal", "4620"),
    ("Lucknow", "2260"), ("Kolkata", "7000"), ("Guwahati", "7810"), ("Chandigarh", "1600"), ("Panaji", "4030"),
)  # fmt: skip
STREETS = (
    "Mahatma Gandhi Road", "Station Road", "Lake View Road", "Fergusson College Road", "Temple Street",
    "Ring Road", "Ashoka Marg", "Nehru Road", "Old Fort Road", "Rose Garden Lane",
)  # fmt: skip
VENUE_FIRST = (
    "Rajwada", "Lotus", "Sai Krupa", "Shubham", "Heritage", "Neelkanth", "Golden Leaf", "Mangal", "Surabhi",
    "Amrut", "Kaveri", "Peacock", "Banyan", "Tulip", "Silver Oak", "Anand", "Vrindavan", "Sunrise",
)  # fmt: skip
VENUE_LAST = ("Banquets", "Lawns", "Mangal Karyalaya", "Convention Centre", "Palace", "Gardens", "Club", "Resort")
# Name, most people, least and most rupees an hour.
SPACES = (
    ("Grand Hall", 800, 12_000, 30_000), ("Garden Lawn", 1500, 15_000, 40_000), ("Terrace", 200, 4_000, 9_000),
    ("Conference Room", 60, 1_500, 4_000), ("Poolside", 300, 6_000, 14_000), ("Dining Hall", 350, 5_000, 11_000),
)  # fmt: skip
FIRST_NAMES = (
    "Aarav", "Aditi", "Ananya", "Arjun", "Asha", "Deepak", "Divya", "Farhan", "Fatima", "Gauri", "Harish", "Ishaan",
    "Kabir", "Kavita", "Lakshmi", "Manish", "Meera", "Nikhil", "Pooja", "Pranav", "Rahul", "Rekha", "Riya", "Rohan",
    "Sameer", "Sneha", "Sunita", "Tanvi", "Varun", "Vikram", "Yusuf", "Zoya",
)  # fmt: skip
LAST_NAMES = (
    "Agarwal", "Banerjee", "Bhat", "Chauhan", "Das", "Deshmukh", "D'Souza", "Fernandes", "Gupta", "Iyer", "Jadhav",
    "Joshi", "Kapoor", "Khan", "Kulkarni", "Mehta", "Menon", "Nair", "Patel", "Patil", "Rao", "Reddy", "Shah",
    "Sharma", "Singh", "Thomas", "Verma",
)  # fmt: skip
QUALITIES = (
    "Classic", "Royal", "Festive", "Marigold", "Premium", "Traditional", "Modern", "Compact", "Rajasthani",
    "South Indian",
)  # fmt: skip
# Category: what it is called, its unit, least and most rupees, most that are owned.
OFFERS = {
    "catering": (("Veg Thali", "Wedding Dinner", "High Tea", "Chaat Counter"), "plate", 180, 1_400, 2_000),
    "decor": (("Flower Mandap", "Stage Backdrop", "Entrance Arch", "Centrepieces"), "event", 8_000, 90_000, 3),
    "furniture": (("Banquet Chair", "Round Table", "Sofa Set", "Bar Counter"), "piece", 25, 3_500, 900),
    "lighting": (("Fairy Lights", "Moving Heads", "Chandelier", "LED Wall"), "day", 900, 45_000, 40),
    "music": (("Wedding DJ", "Shehnai Trio", "Jazz Quartet", "Nashik Dhol"), "event", 9_000, 85_000, 1),
    "performance": (("Kathak Troupe", "Bhangra Team", "Lavani Show", "Magic Show"), "event", 12_000, 150_000, 1),
    "photography": (("Candid Photography", "Wedding Film", "Drone Footage"), "day", 15_000, 120_000, 2),
    "sound": (("Line Array", "Lapel Microphones", "Conference Sound"), "day", 3_000, 60_000, 6),
    "staff": (("Waiter", "Valet", "Usher", "Security Guard"), "person", 600, 1_800, 80),
    "stage": (("Round Stage", "Truss Stage", "Dance Floor"), "day", 6_000, 70_000, 4),
}
TAGS = ("wedding", "corporate", "birthday", "outdoor", "indoor", "festival", "vegetarian", "last-minute", "eco")
MILESTONES = ("First show", "Played at the city festival", "Tour of three states", "Hundredth event", "Own studio")
ACHIEVEMENTS = ("State award for folk arts", "Best team, youth festival", "Featured on regional television")
TEAM_ROLES = ("Lead", "Choreographer", "Singer", "Percussion", "Manager", "Costumes")
BOOKING_NOTES = ("", "", "", "Wedding reception", "Annual day", "Naming ceremony", "Product launch", "Sangeet night")
