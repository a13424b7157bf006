from . import privacy_lookup_wizard
from . import reactivation_audience_preview
from . import reactivation_erase
from . import reactivation_objection
from . import reactivation_suppression_lift
