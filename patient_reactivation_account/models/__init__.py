from . import reactivation_outcome_money
