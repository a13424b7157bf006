from . import reactivation_audience_preview
