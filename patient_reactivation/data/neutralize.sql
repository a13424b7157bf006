-- A copy of the database must not write to patients.
UPDATE reactivation_campaign SET state = 'paused' WHERE state = 'running';
-- And even if somebody resumes them here, an administrator must say so first.
UPDATE reactivation_runner SET is_held = TRUE;
