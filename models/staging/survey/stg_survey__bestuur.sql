{{ unpivot_deliveries('bestuur') }}
