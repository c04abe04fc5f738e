{{ unpivot_deliveries('leerling') }}
