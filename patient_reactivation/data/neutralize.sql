-- A copy of the database must not write to patients.
UPDATE reactivation_campaign SET state = 'paused' WHERE state = 'running';
