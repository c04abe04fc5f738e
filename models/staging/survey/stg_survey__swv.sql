{{ unpivot_deliveries('swv') }}
