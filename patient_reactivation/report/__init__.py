from . import reactivation_campaign
from . import reactivation_report
