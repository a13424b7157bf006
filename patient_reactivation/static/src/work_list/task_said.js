import { Component, onWillStart, useState } from "@odoo/owl";
import { registry } from "@web/core/registry";
import { useService } from "@web/core/utils/hooks";
import { standardWidgetProps } from "@web/views/widgets/standard_widget_props";

/**
 * What the caller says besides the result: why the patient stays away, a note, and
 * how long it took, if that was not as long as the sheet was open. The form keeps it
 * in `env.taskSaid` and hands it over with the result.
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

    get isCall() {
        return ["call", "video"].includes(this.props.record.data.channel);
    }

    onReason(ev) {
        this.said.reasonId = Number(ev.target.value);
    }
}

registry.category("view_widgets").add("reactivation_task_said", {
    component: TaskSaid,
    fieldDependencies: [
        { name: "sheet_reason_id", type: "many2one" },
        { name: "channel", type: "selection" },
    ],
});
