{{ unpivot_deliveries('gemeente_leerplicht') }}
