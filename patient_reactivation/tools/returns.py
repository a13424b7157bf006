"""What a campaign brought in beside what it cost."""


def return_on_investment(revenue, cost):
    """(revenue − cost) ÷ cost: 1.0 says that each unit of money came back doubled.

    :param float revenue: what returned patients brought in; negative where credit
        notes outweigh
    :param float cost: what reaching them cost, coupons included
    :return: float, or None where nothing was spent: there is nothing to compare with
    """
    return (revenue - cost) / cost if cost > 0 else None


def per_patient(revenue, patients):
    """:return: float: the revenue of a group per patient, or None without patients"""
    return revenue / patients if patients else None


def beyond_control(revenue, patients, control_revenue, control_patients):
    """Revenue that would not have come anyway, were the groups alike.

    :param float revenue: of the patients who were to be contacted
    :param int patients: their number
    :param float control_revenue: of those who were left alone
    :param int control_patients: their number
    :return: float: patients × (revenue per patient − that of the control group), or
        None where one of the groups is empty
    """
    if not patients or not control_patients:
        return None
    return revenue - patients * control_revenue / control_patients
