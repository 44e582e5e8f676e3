"""What every forge's driver promises, against a stand-in of the forge. A driver's test is a subclass with a `site` fixture.

Nothing here or in its parts knows which forge it is. After each test the forge must have seen no request that its
description does not allow.
"""

from tests.drivers.forge_deliveries import DeliveriesContract
from tests.drivers.forge_limits import LimitsContract
from tests.drivers.forge_people import PeopleContract
from tests.drivers.forge_troubles import TroublesContract
from tests.drivers.forge_words import WordsContract


class ForgeContract(DeliveriesContract, PeopleContract, WordsContract, LimitsContract, TroublesContract):
    """All parts. For a forge without checks `ForgeApi.checks` is false, and statuses are tried in their place."""
