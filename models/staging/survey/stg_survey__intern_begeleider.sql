{{ unpivot_deliveries('intern_begeleider') }}
