from . import reactivation_report
