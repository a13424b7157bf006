import { Component, onWillStart, useState } from "@odoo/owl";
import { registry } from "@web/core/registry";
import { useService } from "@web/core/utils/hooks";
import { standardWidgetProps } from "@web/views/widgets/standard_widget_props";

/**
 * What the caller hears besides the result: why the patient stays away, and a note.
 * The form keeps it in `env.taskSaid` and hands it over with the result.
 */
export class TaskSaid extends Component {
    static template = "patient_reactivation.TaskSaid";
    static props = { ...standardWidgetProps };

    setup() {
        const orm = useService("orm");
        this.said = useState(this.env.taskSaid);
        onWillStart(async () => {
            this.reasons = await orm.searchRead("reactivation.reason", [], ["name"]);
        });
    }

    get reasonId() {
        return this.said.reasonId ?? this.props.record.data.sheet_reason_id?.id;
    }

    onReason(ev) {
        this.said.reasonId = Number(ev.target.value);
    }
}

registry.category("view_widgets").add("reactivation_task_said", {
    component: TaskSaid,
    fieldDependencies: [{ name: "sheet_reason_id", type: "many2one" }],
});
