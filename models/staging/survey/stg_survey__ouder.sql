{{ unpivot_deliveries('ouder') }}
