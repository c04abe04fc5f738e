{{ unpivot_deliveries('leraar') }}
