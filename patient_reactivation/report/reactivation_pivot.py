from odoo import api, models

# How an aggregate of groups follows from those of their parts; an average from its sum
# and its count.
ROLLED = {"sum": sum, "count": sum, "max": max, "min": min}


class ReactivationPivot(models.AbstractModel):
    """For reports over a million rows: all levels of a pivot from its finest one.

    Odoo asks for the levels as GROUPING SETS in the order of the groups' names, which
    PostgreSQL answers by sorting every row, on one core. The finest level alone is
    counted by hash on all cores; what is above it is summed up here, a row per group.
    """

    _name = "reactivation.pivot"
    _description = "Pivot Over Many Rows"

    @api.model
    def _read_grouping_sets(self, domain, grouping_sets, aggregates=(), order=None):
        specs = list(dict.fromkeys(spec for group in grouping_sets for spec in group))
        parts = self._parts(aggregates)
        natural = {part.strip() for part in (order or "").split(",")} <= {"", *specs}
        if parts is None or not natural or not specs:
            return super()._read_grouping_sets(domain, grouping_sets, aggregates, order)
        found = self._read_group(domain, specs, parts)
        return [
            self._rolled_up(found, specs, parts, group, aggregates)
            for group in grouping_sets
        ]

    @api.model
    def _parts(self, aggregates):
        """:return: list of the aggregates to read, or None where groups cannot be
        summed up from their parts"""
        parts = ["__count"]
        for spec in aggregates:
            name, _colon, function = spec.partition(":")
            if function == "avg":
                parts += [f"{name}:sum", f"{name}:count"]
            elif function in ROLLED:
                parts.append(spec)
            elif spec != "__count":
                return None
        return list(dict.fromkeys(parts))

    @api.model
    def _rolled_up(self, found, specs, parts, group, aggregates):
        """:return: list of tuples: the groups of one level in order, with their
        aggregates"""
        places = [specs.index(spec) for spec in group]
        rows = {}
        for row in found:
            rows.setdefault(tuple(row[place] for place in places), []).append(
                row[len(specs) :]
            )
        if not group and not rows:
            empty = [self._read_group_empty_value(spec) for spec in aggregates]
            return [tuple(empty)]
        ranks = [self._ranks(number, list(rows)) for number in range(len(group))]
        keys = sorted(
            rows,
            key=lambda key: [
                rank[value] for rank, value in zip(ranks, key, strict=True)
            ],
        )
        return [(*key, *self._sums(rows[key], parts, aggregates)) for key in keys]

    @api.model
    def _ranks(self, number, keys):
        """:return: {value: place} of the values of one column; what is empty is last"""
        values = {key[number] for key in keys}
        sample = next(iter(values), None)
        if isinstance(sample, models.BaseModel):
            filled = self.env[sample._name].concat(*values).sudo().sorted().ids
            empty = [False]
            order = {record_id: rank for rank, record_id in enumerate(filled + empty)}
            return {record: order[record.id] for record in values}
        if all(isinstance(value, bool) for value in values):
            return {value: int(value) for value in values}
        empty = [value for value in values if value is None or value is False]
        filled = sorted(
            value for value in values if not any(value is item for item in empty)
        )
        return {value: rank for rank, value in enumerate(filled + empty)}

    @api.model
    def _sums(self, rows, parts, aggregates):
        columns = dict(zip(parts, zip(*rows, strict=True), strict=True))

        def rolled(spec, function):
            known = [
                value
                for value in columns[spec]
                if value is not None and value is not False
            ]
            return function(known) if known else self._read_group_empty_value(spec)

        for spec in aggregates:
            name, _colon, function = spec.partition(":")
            if spec == "__count":
                yield sum(columns[spec])
            elif function == "avg":
                count = rolled(f"{name}:count", sum)
                total = rolled(f"{name}:sum", sum)
                yield total / count if count else self._read_group_empty_value(spec)
            else:
                yield rolled(spec, ROLLED[function])
