{
    "name": "Patient Reactivation: Invoices",
    "summary": "What returned patients were invoiced, as revenue",
    "version": "19.0.1.0.0",
    "category": "Marketing/Patient Reactivation",
    "author": "Patient Reactivation contributors",
    "license": "LGPL-3",
    "depends": ["patient_reactivation", "account"],
    "auto_install": True,
}
