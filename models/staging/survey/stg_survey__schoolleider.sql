{{ unpivot_deliveries('schoolleider') }}
