print('no web application')
