"""The plain functions of the addon as a package of their own: they need no Odoo, so
that simulations and comparisons with other libraries start at once."""

import importlib.util
import sys

from workspace import ROOT

_folder = ROOT / "patient_reactivation" / "tools"
_spec = importlib.util.spec_from_file_location(
    __name__, _folder / "__init__.py", submodule_search_locations=[str(_folder)]
)
# From here on this name is the package.
sys.modules[__name__] = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(sys.modules[__name__])
