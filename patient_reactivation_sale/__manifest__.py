{
    "name": "Patient Reactivation: Orders",
    "summary": "Coupons of patients on quotations, and what returned patients ordered",
    "version": "19.0.1.1.0",
    "category": "Marketing/Patient Reactivation",
    "author": "Patient Reactivation contributors",
    "license": "LGPL-3",
    "depends": ["patient_reactivation", "sale_loyalty"],
    "data": [
        "data/reactivation_visit_source_data.xml",
        "views/reactivation_outcome_views.xml",
    ],
    "auto_install": True,
}
