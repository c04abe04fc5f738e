{{ unpivot_deliveries('ouder_thuiszitter') }}
